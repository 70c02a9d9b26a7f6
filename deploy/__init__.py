"""What runs inside the containers besides the program itself."""
