"""Sends the requests: our client, and one file for each outside tool."""
