"""The widgets that panels are made of, and the look they share. Imports Dear PyGui."""
