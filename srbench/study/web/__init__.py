"""The application that asks raters (the extra ``srbench-core[study]``: starlette, uvicorn)."""
