// Help on keys and words at "?", and a tour at the first visit. Both stand beside the page and lock
// nothing.

const SEEN = "logratio.tour"
const TYPING = new Set(["INPUT", "TEXTAREA", "SELECT"])

// Where a browser keeps nothing, the tour is not forced on anybody at each visit.
function first_visit() {
  try {
    if (window.localStorage.getItem(SEEN)) return false
    window.localStorage.setItem(SEEN, "yes")
    return window.localStorage.getItem(SEEN) === "yes"
  } catch {
    return false
  }
}

export function render({model, el}) {
  el.style.display = "none"
  const box = document.createElement("aside")
  box.className = "guide"
  box.hidden = true
  document.body.append(box)
  let before = null

  const close = () => {
    if (box.hidden) return
    box.hidden = true
    before?.focus?.()
  }
  const show = (label, content) => {
    if (box.hidden) before = document.activeElement
    box.setAttribute("role", "dialog")
    box.setAttribute("aria-label", label)
    box.dataset.shown = label
    box.innerHTML = content
    box.hidden = false
    box.querySelector("button")?.focus({preventScroll: true})
  }
  const help = () => box.hidden || box.dataset.shown !== "Help" ? show("Help", model.help) : close()
  const tour = (step) => {
    if (step < model.steps.length) show("Tour", model.steps[step])
    else close()
  }

  const press = (event) => {
    const act = event.composedPath().find((node) => node.dataset?.guide !== undefined)?.dataset.guide
    if (act === "help") help()
    else if (act === "close") close()
    else if (act !== undefined) tour(Number(act))
  }
  const key = (event) => {
    if (event.key === "Escape") close()
    if (event.key !== "?" || event.ctrlKey || event.metaKey || event.altKey) return
    if (event.composedPath().some((node) => TYPING.has(node.tagName) || node.isContentEditable)) return
    event.preventDefault()
    help()
  }
  document.addEventListener("click", press)
  document.addEventListener("keydown", key)
  // A browser that a program drives has no need of it.
  if (!navigator.webdriver && first_visit()) tour(0)
  return () => {
    document.removeEventListener("click", press)
    document.removeEventListener("keydown", key)
    box.remove()
  }
}
