from adapters_store.weights.openmp import set_waiting

set_waiting()
