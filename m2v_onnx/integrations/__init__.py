"""What libraries of others need to hold a model of ours. Each file needs its library."""
