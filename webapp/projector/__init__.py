"""The only writer of Redis: from the topics that carry finished rows to the views the page reads."""
