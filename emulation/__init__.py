"""An AWS organization on this machine: ministack with IAM enforced, completed where AWS does more than ministack.

`organization.Emulation` starts one; `deploy` runs the real `sam` with the real template against it.
"""
