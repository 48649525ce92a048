"""What the work cost: records that jobs leave of themselves, and the table made of them."""
