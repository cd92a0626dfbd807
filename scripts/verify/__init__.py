"""`make verify`: one customer's story through the page's API, and how long each hop takes."""
