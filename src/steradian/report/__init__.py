"""The report: one self-contained HTML file, which asks for nothing from a network.

`write_report` stands in its module, since the server takes templates from here, and runs without torch.
"""
