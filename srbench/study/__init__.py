"""A rating study of people: made from finished runs, served, analysed (docs/study.md).

Modules: ``document`` (the study folder), ``design`` (who sees what), ``create``, ``web`` (the
application that asks), ``votes`` (the file that leaves the laboratory), ``screening``, ``scores``,
``analysis``, ``planner``. Only ``web`` needs the extra ``srbench-core[study]``.
"""
