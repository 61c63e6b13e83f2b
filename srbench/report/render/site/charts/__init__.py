"""Charts of the site as inline SVG: drawn without matplotlib, coloured by the style sheet."""
