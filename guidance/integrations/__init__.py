"""The methods inside other people's pipelines. Nothing here is imported by the rest of the package."""
