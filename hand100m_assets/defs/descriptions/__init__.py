"""What the UI says of assets besides their own description: columns, where these come from, owners, tags and code."""
