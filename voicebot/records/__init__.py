"""What calls leave behind: traces and their replay, recordings, call records."""
