"""The Streamlit dashboard: reads the lake, writes nothing."""
