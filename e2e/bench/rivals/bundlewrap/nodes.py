# The aliases of bench's ssh_config.
nodes = {
    name: {
        "bundles": ["sixty"],
        "os": "debian",
        "os_version": (12,),
    }
    for name in ["near", "far"]
}
