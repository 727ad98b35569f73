"use strict";
(() => {
  const PAGE = 200;
  const TYPES = ["BILLING", "OPERATIONS", "SECURITY"];
  const CHECKS = ["Account.1", "Contacts differ"];
  const NOT_RIGHT = ["missing", "different", "unreadable"];
  const WORST_FIRST = [...NOT_RIGHT, "failed", "unknown", "right", "passed", "not managed", "skipped"];
  const FILTERS = ["q", "type", "word", "check", "unit"];

  const byId = (id) => document.getElementById(id);
  const accounts = JSON.parse(byId("data").textContent).accounts;
  const fields = Object.fromEntries(FILTERS.map((name) => [name, byId(name)]));
  const headings = [...document.querySelectorAll("#rows th[data-sort]")];
  const body = document.querySelector("#rows tbody");
  const collator = new Intl.Collator(undefined, { numeric: true, sensitivity: "base" });

  let sort = "";
  let descending = false;
  let shown = PAGE;
  let matching = accounts;

  const texts = new Map(
    accounts.map((each) => [each, [each.name, each.accountId, each.organizationalUnit].join("\n").toLowerCase()]),
  );
  const columns = {
    name: (each) => each.name,
    id: (each) => each.accountId,
    unit: (each) => each.organizationalUnit,
    ...Object.fromEntries(TYPES.map((type) => [type, (each) => each.contacts[type].word])),
    ...Object.fromEntries(CHECKS.map((check) => [check, (each) => each.checks[check]])),
  };

  const wordMatches = (each, type, word) => {
    const found = (type ? [type] : TYPES).map((kind) => each.contacts[kind].word);
    return found.some((one) => (word === "not right" ? NOT_RIGHT.includes(one) : one === word));
  };

  const matches = (each, wanted) => {
    const [check, verdict] = wanted.check.split(":");
    return (
      wanted.q.toLowerCase().split(/\s+/).every((part) => texts.get(each).includes(part)) &&
      (!wanted.word || wordMatches(each, wanted.type, wanted.word)) &&
      (!check || each.checks[check] === verdict) &&
      (!wanted.unit || `${each.organizationalUnit} / `.startsWith(`${wanted.unit} / `))
    );
  };

  const compare = (one, other) => {
    const [left, right] = [columns[sort](one), columns[sort](other)];
    const ranked = TYPES.includes(sort) || CHECKS.includes(sort);
    return ranked ? WORST_FIRST.indexOf(left) - WORST_FIRST.indexOf(right) : collator.compare(left, right);
  };

  const element = (name, className, text) => {
    const made = document.createElement(name);
    if (className) made.className = className;
    if (text !== undefined) made.textContent = text;
    return made;
  };

  const badge = (word) => element("span", `badge is-${word.replace(" ", "-")}`, word);

  const wordCell = (each, type) => {
    const found = each.contacts[type];
    const cell = element("td");
    cell.append(badge(found.word));
    if (found.reason) {
      const reason = element("span", "note", found.reason);
      reason.title = found.errorCode;
      cell.append(reason);
    }
    if (found.word === "skipped") cell.append(element("span", "note", each.state));
    for (const value of Object.values(found.contact ?? {})) cell.append(element("span", "note", value));
    return cell;
  };

  const checkCell = (each, check) => {
    const cell = element("td");
    cell.append(badge(each.checks[check]));
    if (check === "Contacts differ" && each.shared) {
      cell.append(element("span", "note", `same ${each.shared.join(", ")}`));
    }
    return cell;
  };

  const row = (each) => {
    const made = element("tr");
    const name = element("th", "", each.name || "(no name)");
    name.scope = "row";
    made.append(name, element("td", "id", each.accountId), element("td", "", each.organizationalUnit));
    made.append(...TYPES.map((type) => wordCell(each, type)), ...CHECKS.map((check) => checkCell(each, check)));
    return made;
  };

  const show = () => {
    const page = matching.slice(0, shown);
    body.replaceChildren(...page.map(row));
    if (!page.length) {
      const cell = element("td", "nothing", "No account matches. Clear the filter to see them all.");
      cell.colSpan = headings.length;
      const empty = element("tr");
      empty.append(cell);
      body.append(empty);
    }
    byId("more").hidden = matching.length <= shown;
    const number = (value) => value.toLocaleString("en");
    const part = page.length < matching.length ? `, the first ${number(page.length)} shown` : "";
    byId("count").textContent = `${number(matching.length)} of ${number(accounts.length)} accounts${part}`;
  };

  const wanted = () => Object.fromEntries(FILTERS.map((name) => [name, fields[name].value.trim()]));

  const update = () => {
    const filter = wanted();
    matching = accounts.filter((each) => matches(each, filter));
    if (sort) {
      matching.sort((one, other) => (descending ? compare(other, one) : compare(one, other)));
    }
    for (const heading of headings) {
      if (heading.dataset.sort === sort) heading.ariaSort = descending ? "descending" : "ascending";
      else heading.removeAttribute("aria-sort");
    }
    shown = PAGE;
    show();
  };

  // The address carries filter and order, so that a view can be sent to somebody who has the page.
  const remember = () => {
    const address = new URLSearchParams(Object.entries(wanted()).filter(([, value]) => value));
    if (sort) address.set("sort", (descending ? "-" : "") + sort);
    history.replaceState(null, "", `#${address}`);
  };

  const follow = () => {
    const address = new URLSearchParams(location.hash.slice(1));
    if (![...FILTERS, "sort"].some((name) => address.has(name))) return false;
    for (const name of FILTERS) fields[name].value = address.get(name) ?? "";
    const order = address.get("sort") ?? "";
    descending = order.startsWith("-");
    sort = Object.hasOwn(columns, order.replace(/^-/, "")) ? order.replace(/^-/, "") : "";
    return true;
  };

  let typing = 0;
  byId("filter").addEventListener("input", () => {
    clearTimeout(typing);
    typing = setTimeout(() => {
      update();
      remember();
    }, 150);
  });
  byId("filter").addEventListener("submit", (event) => event.preventDefault());
  byId("filter").addEventListener("reset", () => setTimeout(() => {
    sort = "";
    update();
    remember();
  }));
  for (const heading of headings) {
    heading.querySelector("button").addEventListener("click", () => {
      descending = sort === heading.dataset.sort && !descending;
      sort = heading.dataset.sort;
      update();
      remember();
    });
  }
  byId("more").addEventListener("click", () => {
    shown += PAGE;
    show();
  });
  const goThere = () => {
    if (!follow()) return;
    update();
    byId("accounts").focus();
    byId("accounts").scrollIntoView();
  };
  addEventListener("hashchange", goThere);
  addEventListener("click", (event) => {
    // The same address again changes nothing, but whoever asks wants to be taken there.
    if (event.target.closest("a")?.hash === location.hash) goThere();
  });
  addEventListener("beforeprint", () => {
    shown = matching.length;
    show();
  });

  if (follow()) byId("accounts").scrollIntoView();
  update();
})();
