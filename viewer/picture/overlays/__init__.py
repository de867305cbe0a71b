"""What is drawn over a rendered view: arrays in, arrays out. Imports what stands beside it in `viewer.picture`.

An overlay is one file, which ends with its `OVERLAY`, and one line: the setting `show_NAME` of
`viewer.protocol.view_settings.ViewSettings`, where NAME is the file's.
"""
