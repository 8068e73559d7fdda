// Milliseconds from an input to the last change that it made to any plot, painted.
(() => {
  const state = {input: null, painted: null, changes: 0}
  window.latency = state
  const seen = new WeakSet()
  const stamp = () => {
    if (state.input === null) return
    state.changes += 1
    requestAnimationFrame(() => setTimeout(() => { state.painted = performance.now() }))
  }
  const follow = () => {
    for (const document of Bokeh.documents) {
      for (const model of document.all_models) {
        if (seen.has(model) || !["ColumnDataSource", "Range1d", "FixedTicker"].includes(model.type)) continue
        seen.add(model)
        model.change.connect(stamp)
        model.patching?.connect?.(stamp)
      }
    }
  }
  follow()
  setInterval(follow, 200)
  const begin = (event) => { if (state.armed === event.type) { state.armed = null; state.input = performance.now() } }
  for (const kind of ["keydown", "pointerup", "click"]) window.addEventListener(kind, begin, {capture: true})
  state.arm = (kind) => { Object.assign(state, {armed: kind, input: null, painted: null, changes: 0}) }
  state.quiet = (ms) => state.painted !== null && performance.now() - state.painted > ms
})()
