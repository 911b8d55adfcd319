"""What all HTML pages are made of: sections with named queries, their looks and charts, the frame, writing to disk."""
