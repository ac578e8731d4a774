"""Send the requests: barehop's own client, and one file for each external tool."""
