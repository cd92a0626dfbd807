"""The fault drill: kill every process of the running lab in turn, under load, and check the books."""
