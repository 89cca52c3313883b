// What the server told the page when it was loaded; see views/page.py.

export const pageData = JSON.parse(document.getElementById("page-data").textContent);
