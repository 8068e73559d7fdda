// A place to drop a file. Python asks for part after part, so that a slow disk or line sets the pace.

const PART = 4 * 2 ** 20

function element(tag, props, ...children) {
  const node = Object.assign(document.createElement(tag), props)
  node.append(...children)
  return node
}

export function render({model, el}) {
  const input = element("input", {type: "file", accept: model.accept, className: "upload-input"})
  input.setAttribute("aria-label", "Upload a file")
  const hint = element("small", {textContent: model.hint})
  const area = element("label", {className: "upload"}, input, element("span", {textContent: "Drop a file, or choose one"}), hint)
  const bar = element("progress", {max: 1, value: 0})
  const said = element("span", {role: "status"})
  const cancel = element("button", {type: "button", textContent: "Cancel"})
  const row = element("div", {className: "upload-row", hidden: true}, bar, said, cancel)
  let file = null

  const end = () => {
    file = null
    input.value = ""
    area.hidden = false
    row.hidden = true
  }
  const begin = (chosen) => {
    if (chosen === undefined || file !== null) return
    file = chosen
    area.hidden = true
    row.hidden = false
    bar.value = 0
    said.textContent = "Uploading"
    model.send_msg({do: "begin", name: file.name, size: file.size})
  }
  input.addEventListener("change", () => begin(input.files[0]))
  area.addEventListener("dragover", (event) => {
    event.preventDefault()
    area.classList.add("over")
  })
  area.addEventListener("dragleave", () => area.classList.remove("over"))
  area.addEventListener("drop", (event) => {
    event.preventDefault()
    area.classList.remove("over")
    begin(event.dataTransfer.files[0])
  })
  cancel.addEventListener("click", () => {
    model.send_msg({do: "cancel"})
    end()
  })
  model.on("msg:custom", async (data) => {
    if (data.do === "end") end()
    if (data.do !== "send" || file === null) return
    const sending = file
    try {
      const bytes = await sending.slice(data.at, data.at + PART).arrayBuffer()
      if (file !== sending) return
      bar.value = data.at / sending.size
      said.textContent = `Uploading ${Math.floor(100 * data.at / sending.size)} %`
      model.send_msg({do: "part", at: data.at, bytes})
    } catch (error) {
      model.send_msg({do: "unreadable", name: sending.name})
    }
  })
  el.append(area, row)
}
