"""What a model gains in closed form beside the network: first purchases, and repeats."""
