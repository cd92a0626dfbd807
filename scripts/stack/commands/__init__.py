"""The commands of `./lab`, one module per kind; each takes what it needs and prints for people."""
