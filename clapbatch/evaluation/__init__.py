"""How far scores can be trusted: judgements, metrics, intervals, calibration, self-checks."""
