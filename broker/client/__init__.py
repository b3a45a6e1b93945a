"""What a monitoring app needs: access tokens, tickets, and CIM-XML with a ticket.

api      BrokerClient: tickets, hosts, issuances
tokens   how the client says who it is
cim      CIM-XML to one host, its certificate pinned
sensors  what the host's sensors say
"""
