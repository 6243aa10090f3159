# BundleWrap wants this file; no node is in a group.
groups = {}
