"""What happens to a trainee: deterministic, no input or output, told as the program itself."""
