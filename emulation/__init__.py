"""An AWS organization on this machine: ministack, completed where it lacks what AWS does, with IAM enforced.

`organization.Emulation` starts one, `deploy` brings the real template to it with the real `sam`.
"""
