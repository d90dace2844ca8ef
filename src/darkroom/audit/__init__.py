"""Labels that models which did not see the image contradict: a table, and a page with the pictures."""
