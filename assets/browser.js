// What only the browser can do: hear keys, follow buttons in plain HTML, save files, move the focus,
// remember the theme.
// Buttons carry data-act (and data-value); whatever the page's HTML panes show can therefore be pressed.

const TYPING = new Set(["INPUT", "TEXTAREA", "SELECT"])
const KEYS = new Set(["ArrowLeft", "ArrowRight", "ArrowUp", "ArrowDown", "Escape", "/"])

// Material's lists, tabs and sliders have a use of their own for arrows.
const STEPPED = new Set(["slider", "menu", "menuitem", "listbox", "option", "tab", "combobox", "radio"])

function busy(key, path) {
  return path.some((node) =>
    node.tagName !== undefined &&
    (TYPING.has(node.tagName) || node.isContentEditable || (key !== "/" && STEPPED.has(node.getAttribute?.("role")))))
}

function everywhere(root, selector, found = []) {
  found.push(...root.querySelectorAll(selector))
  for (const node of root.querySelectorAll("*")) {
    if (node.shadowRoot) everywhere(node.shadowRoot, selector, found)
  }
  return found
}

// A field that is shown for the first time takes a moment to be there.
function focus(label, tries = 20) {
  // Several tabs may have such a field: the one that is seen.
  const seen = (node) => node.textContent === label && node.getClientRects().length > 0
  const field = everywhere(document, "label").find(seen)?.control
  field?.focus()
  // What is typed replaces what was there.
  field?.select?.()
  if (!field && tries > 0) setTimeout(() => focus(label, tries - 1), 50)
}

// Once it is there and stays where it is: a page that opens with a notice moves it about, and a
// busy machine takes a minute to lay it out.
function show_notice(before, tries = 200) {
  const notice = everywhere(document, "[role=alert]").at(-1)
  const {top, height} = notice?.getBoundingClientRect() ?? {}
  if (height > 0 && top === before) notice.scrollIntoView({block: "nearest"})
  else if (tries > 0) setTimeout(() => show_notice(top, tries - 1), 300)
}

// Material's buttons beside numbers have no words for those who cannot see them.
function name_steppers() {
  for (const button of everywhere(document, ".MuiInputAdornment-root > button:not([aria-label])")) {
    const less = button.parentElement.classList.contains("MuiInputAdornment-positionStart")
    const field = button.closest(".MuiFormControl-root")?.querySelector("label")?.textContent
    button.setAttribute("aria-label", `${less ? "Less" : "More"}: ${field ?? "number"}`)
  }
}

function save(name, kind, parts) {
  const link = document.createElement("a")
  link.href = URL.createObjectURL(new Blob(parts, {type: kind}))
  link.download = name
  link.click()
  setTimeout(() => URL.revokeObjectURL(link.href), 60_000)
}

// A server that went away is told, and the page opens again once it is back: its address holds what
// it shows.
function tell_lost() {
  if (document.querySelector(".lost-server")) return
  const words = document.createElement("div")
  words.className = "lost-server"
  words.setAttribute("role", "alert")
  words.textContent = "The server does not answer. What you see stays, but nothing can be changed. The page opens again by itself once the server is back."
  document.body.append(words)
  const look = async () => {
    // An error of 500 and more is a proxy's, whose server is away.
    const back = await fetch(window.location.pathname, {method: "HEAD", cache: "no-store"})
      .then((answer) => answer.status < 500, () => false)
    if (back) window.location.reload()
    else setTimeout(look, 2000)
  }
  setTimeout(look, 1000)
}

// Pages that come unencrypted from another machine have no clipboard of their own.
async function copy(text) {
  try {
    await navigator.clipboard.writeText(text)
    return true
  } catch {
    const area = document.createElement("textarea")
    area.value = text
    document.body.append(area)
    area.select()
    const done = document.execCommand("copy")
    area.remove()
    return done
  }
}

// Panel's tables (1.10) ask without a pause whether they can be measured by now. One that is hidden,
// or was taken off the page, never can: the page would hang. They ask every 50 ms.
function calm_tables() {
  const tables = Bokeh.Models.get("panel.models.tabulator.DataTabulator")?.prototype.default_view?.prototype
  if (tables?._flush_resize_when_root_ready === undefined || tables.is_calm) return
  tables.is_calm = true
  const pause = (time) => new Promise((resolve) => setTimeout(resolve, time))
  tables._flush_resize_when_root_ready = async function() {
    while (this._resize_pending) {
      await Promise.race([this.root.ready, pause(1000)])
      if (!this._resize_pending) return
      const busy = this._is_scrolling || this._initializing || this.container === null || this.is_drawing
      if (!busy && !this._has_active_editor() && this.stylesheets_settled) {
        this._resize_pending = false
        this._resize_redraw()
        return
      }
      await pause(50)
    }
  }
}

export function render({model, el, view}) {
  el.style.display = "none"
  calm_tables()
  view.model.document.on_event("connection_lost", tell_lost)
  const files = new Map()

  const key = (event) => {
    if (!KEYS.has(event.key) || event.ctrlKey || event.metaKey || event.altKey) return
    const [field] = event.composedPath()
    if (event.key === "/" && field.value === "" && field.labels?.[0]?.textContent === model.search_label) {
      // The search has begun already, or was ended by a choice that left the field.
      event.preventDefault()
      return
    }
    if (event.key !== "Escape" && busy(event.key, event.composedPath())) return
    if (event.key === "/") {
      // At once: what is typed next belongs into the field.
      event.preventDefault()
      focus(model.search_label)
    } else {
      model.send_msg({act: "key", value: event.key})
    }
  }
  const press = (event) => {
    const button = event.composedPath().find((node) => node.dataset?.act !== undefined)
    if (button !== undefined && !button.disabled) {
      model.send_msg({act: button.dataset.act, value: button.dataset.value ?? ""})
    }
  }
  const address = () => model.send_msg({act: "address", value: window.location.search})
  document.addEventListener("keydown", key)
  document.addEventListener("click", press)
  // Once the page stands, and whenever something may have been unfolded.
  const steppers = () => setTimeout(name_steppers, 1000)
  steppers()
  document.addEventListener("click", steppers)
  window.addEventListener("popstate", address)
  model.on("notices", () => show_notice())
  if (model.notices) show_notice()

  model.on("msg:custom", (data) => {
    if (data.do === "focus") {
      focus(data.label)
    } else if (data.do === "address") {
      const url = window.location.pathname + data.search + window.location.hash
      window.history[data.replace ? "replaceState" : "pushState"]({}, "", url)
    } else if (data.do === "copy") {
      copy(data.text).then((done) => model.send_msg({act: "copied", value: done ? "yes" : "no"}))
    } else if (data.do === "cookie") {
      document.cookie = `${data.name}=${data.value}; path=/; max-age=31536000; SameSite=Lax`
    } else if (data.do === "part") {
      const parts = files.get(data.file) ?? []
      parts.push(data.bytes)
      files.set(data.file, parts)
    } else if (data.do === "save") {
      save(data.name, data.kind, files.get(data.file) ?? [])
      files.delete(data.file)
    }
  })
  address()
  return () => {
    document.removeEventListener("keydown", key)
    document.removeEventListener("click", press)
    document.removeEventListener("click", steppers)
    window.removeEventListener("popstate", address)
  }
}
