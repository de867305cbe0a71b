"""The texts and curves that panels show, as pure functions of status, settings and tools' answers. Imports `tools`,
`state` and what stands above them; no widgets.
"""
