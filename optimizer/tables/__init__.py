"""The tables of a plan, one module per group of sheets; `optimizer.plan.Plan` shows them as data frames."""
