// Reads the page again when the server has something new, and replaces the parts that show it.
"use strict";

const button = document.getElementById("pause");
let source = null;
let isBusy = false;

/** Replacing a part would take away the focus or the selection inside it. */
const isInUse = (part) => {
  const selection = document.getSelection();
  const isSelected = selection && !selection.isCollapsed && part.contains(selection.anchorNode);
  return isSelected || (part.contains(document.activeElement) && document.activeElement !== part);
};

const refresh = async () => {
  if (isBusy || document.hidden) return;
  isBusy = true;
  try {
    const answer = await fetch(location.href, { cache: "no-store" });
    if (!answer.ok) return;
    const page = new DOMParser().parseFromString(await answer.text(), "text/html");
    for (const part of document.querySelectorAll("[data-live]")) {
      const fresh = page.getElementById(part.id);
      if (fresh && !isInUse(part) && fresh.innerHTML !== part.innerHTML) part.replaceWith(fresh);
    }
    document.title = page.title;
  } catch {
    // The stream connects again, and then the page is read again.
  } finally {
    isBusy = false;
  }
};

const listen = (isOn) => {
  source?.close();
  source = isOn ? new EventSource("/events") : null;
  source?.addEventListener("message", refresh);
  button.textContent = isOn ? "Pause updates" : "Resume updates";
  button.setAttribute("aria-pressed", String(!isOn));
};

if (document.querySelector("[data-live]")) {
  button.hidden = false;
  button.addEventListener("click", () => listen(source === null));
  document.addEventListener("visibilitychange", () => source && refresh());
  listen(true);
}
