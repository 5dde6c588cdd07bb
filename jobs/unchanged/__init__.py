"""Jobs whose inputs are those of an earlier night to the last bit: what they made then is taken over."""
