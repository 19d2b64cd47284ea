// Acknowledges and silences alerts: JSON to this server, which other sites' pages cannot send.
"use strict";

async function change(form, what) {
  const [acknowledge, silence] = form.dataset.alert.split(" ");
  const body = what === "silence" ? { duration: form.elements.duration.value } : {};
  const answer = await fetch(what === "silence" ? silence : acknowledge, {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify(body),
  });
  const found = await answer.json();
  if (!answer.ok) throw new Error(found.detail);
  if (what === "acknowledge") return "Somebody knows.";
  const until = new Date(1000 * found.until).toISOString();
  return `Silent until ${until.slice(0, 10)} ${until.slice(11, 16)} UTC.`;
}

for (const form of document.querySelectorAll("form[data-alert]")) {
  const told = form.parentElement.querySelector(".told");
  form.hidden = false;
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    try {
      told.textContent = await change(form, event.submitter.value);
    } catch (error) {
      told.textContent = `That did not work: ${error.message}`;
    }
  });
}
