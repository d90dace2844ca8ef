"use strict";
// What is decided of each file, by its sha256: [action, label, id]; begun with what labels.corrections has already.
const decided = new Map(JSON.parse(document.getElementById("corrections").textContent));
let saved = true;

// Called for every picture that is shown: what stands below it.
function below([name, , , , truth, sha256]) {
  const choice = document.createElement("select");
  choice.setAttribute("aria-label", "Decision on " + name);
  choice.append(new Option("undecided", ""), new Option("keep: " + classes[truth], "keep"));
  classes.forEach((other, number) => {
    if (number !== truth) choice.append(new Option("relabel: " + other, "relabel " + number));
  });
  choice.append(new Option("drop", "drop"));
  const [action, label] = decided.get(sha256) || ["", ""];
  choice.value = action === "relabel" ? "relabel " + classes.indexOf(label) : action;
  choice.addEventListener("change", () => {
    const [action, number] = choice.value.split(" ");
    if (action) decided.set(sha256, [action, action === "relabel" ? classes[number] : "", name]);
    else decided.delete(sha256);
    saved = false;
    count();
  });
  return [choice];
}

function count() {
  document.getElementById("decided").textContent = decided.size + " decided";
}

function corrections() {
  const quoted = text => /[",\r\n]/.test(text) ? '"' + text.replaceAll('"', '""') + '"' : text;
  const lines = [...decided].map(([sha256, cells]) => [sha256, ...cells].map(quoted).join(","));
  return ["sha256,action,label,id", ...lines].join("\n") + "\n";
}

document.getElementById("save").addEventListener("click", () => {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(new Blob([corrections()], {type: "text/csv"}));
  link.download = "corrections.csv";
  link.click();
  saved = true;
});
window.addEventListener("beforeunload", event => { if (!saved) event.preventDefault(); });
count();
