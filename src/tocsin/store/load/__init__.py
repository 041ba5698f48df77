"""What fair load is reckoned from: weights, rules of pay, holidays, people's zones, shifts of any time, and pages."""
