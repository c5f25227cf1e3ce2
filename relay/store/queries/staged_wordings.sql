SELECT h.wording, max(h.language), min(coalesce(t.at, h.recorded_at)), max(coalesce(t.at, h.recorded_at)), count(*)
FROM temp.told AS t CROSS JOIN temp.shapes AS h ON h.number = t.shape
WHERE h.wording <> ''
GROUP BY h.wording
