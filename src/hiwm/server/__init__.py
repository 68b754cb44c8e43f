"""The operators' door: wire, seats, leases, scheduler and the page's API; the model runs in a process of its own."""
