"""`voicebot doctor`: looks at everything between a caller and the bot, and says what to do."""
