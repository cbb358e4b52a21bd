"""One file a page; the router runs each as a script.

Not named `pages`: Streamlit runs scripts of a folder of that name beside app.py by itself, past the router.
"""
