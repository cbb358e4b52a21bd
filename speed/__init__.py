"""The speed layer: two Kafka services. One archives every capture into master, one scores a sample within seconds."""
