"""``python -m skstrat`` is the ``skstrat`` command."""

from skstrat._cli import main

if __name__ == "__main__":
    main()
