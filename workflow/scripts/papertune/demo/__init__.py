"""The built-in venue: papers that the project makes itself, their pages and their archive."""
