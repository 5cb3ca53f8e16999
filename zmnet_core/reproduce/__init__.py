"""The paper's experiments, one file each: a file NAME.py has a function NAME, whose parameters are its options."""
