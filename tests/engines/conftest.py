"""The programs import packages of environments of their own."""

collect_ignore_glob = ["python/*.py"]
