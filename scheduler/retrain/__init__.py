"""One run of one user: plan the fit, train and judge a candidate, publish or refuse it."""
